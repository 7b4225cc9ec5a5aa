"""The HTTP API of collecting: REST under ``/api/v1``, for the pages and for scripts alike.

app                 the application          permissions     which role a route needs, all in one table
serving             who asks, in a thread    schemas         what goes in and comes out
work_routes         a worker's work          study_routes    studies, guidelines, status
item_routes         items                    people_routes   people and their tokens
export_routes       what leaves, streaming   dashboard_routes  figures, workers, disagreements
problem_statuses    errors → HTTP            openapi         the document
running             processes that serve it
"""
