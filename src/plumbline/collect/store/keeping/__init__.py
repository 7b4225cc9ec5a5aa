"""Keeping a store: copies of it, and the removal of a person from it. Whole tables are read and written here.

backup        one file of one moment        restoring    a backup where a store is to be
backup_files  reading a backup's file       replacing    a backup's rows over a store at work
copying       rows between databases        taking_over  rows of a backup, into our tables
erasing       a person's words and identity
*_identity    accounts, invitations, arrivals: what is erased of them, and what a restore does not take back
"""
