"""The command line: parses arguments, calls the packages, prints. No logic lives here."""
