"""The HTTP API of collecting: REST under ``/api/v1``, for the pages and for scripts alike.

app                 the application          permissions       which role a route needs, all in one table
serving             who asks, in a thread    schemas           what goes in and comes out
parameters          of routes, bounded       shown             the service's values as answers
work_routes         a worker's work          study_routes      studies, guidelines, status
item_routes         items                    people_routes     people and their tokens
identity_routes     coming in, invitations   openid_routes     coming in by another house
wellbeing_routes    standing, moods          webhook_routes    who is told of what
export_routes       what leaves, streaming   dashboard_routes  figures, workers, disagreements
problem_statuses    errors → HTTP            openapi, documented, links   the document
"""
