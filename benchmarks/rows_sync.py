"""The rows about reading Azure."""
