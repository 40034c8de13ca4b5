"""Coroutines that talk to Azure through the gateway and write the cache. Nothing here knows of a screen."""
