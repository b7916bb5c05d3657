"""Policies: from an observation to a decision. One file a policy; its name is the file's."""
