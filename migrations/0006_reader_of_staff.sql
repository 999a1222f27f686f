-- The reader had seen whole rows of staff: hashes of tokens are none of its business there either.
REVOKE SELECT ON staff FROM countersign_reader;
GRANT SELECT (staff_id, name, role, issued_at, expires_at, revoked_at) ON staff TO countersign_reader;
