"""The server: the API and the pages as one application, run by one process or several."""
