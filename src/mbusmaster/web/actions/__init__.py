"""What pages and the API do in the same way: the deed and its entry in the audit log; what is shown of it is theirs."""
