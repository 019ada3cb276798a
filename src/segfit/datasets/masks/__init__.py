"""Masks as files: folders of them, their classes, and how their pixels say these."""
