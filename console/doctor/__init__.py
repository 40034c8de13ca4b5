"""The doctor: looks at all that the console stands on, says what is wrong and what to do. It changes nothing, in Azure or here."""
