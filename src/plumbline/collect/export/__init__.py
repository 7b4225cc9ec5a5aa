"""What is collected leaves the store: at any time, in the public formats or our own, in constant memory.

forms           which kinds of study have which form      record_making   finished work → records
preparing       what may leave, and on which terms        files           batches → bytes, counted and hashed
exporting       one export, from its plan to its manifest
folder          as a folder                               archive         as a stream
as_stored       rows of the store → lines                 read_me         README.md, which tools read
column_kinds    what the columns of lines hold
terms           what may be done with it                  terms_told      that in words
left_out        why work stays inside, in words           failures        what it is refused with
"""

from plumbline.collect.export.archive import archive_name, stream_export
from plumbline.collect.export.exporting import Exported
from plumbline.collect.export.folder import write_export
from plumbline.collect.export.forms import Form, forms_of

__all__ = ["Exported", "Form", "archive_name", "forms_of", "stream_export", "write_export"]
