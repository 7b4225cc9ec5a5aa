"""The web app: pages for workers, reviewers and managers, rendered here and brought to life by small ES modules.

A page is looked at (GET); whatever changes something goes through the HTTP API, which the modules call with the visitor's
session. So every rule stands once, in the API and below it.
"""
