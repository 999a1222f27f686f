-- What is left of an account once it was erased: its history, which nobody can read for what is
-- personal any more, and the state that says so.

-- Called within the statement that appends `AccountErased`, after it has taken the state row; and by
-- a rebuild, for rows that somebody put back. A function that may change rows sees what others have
-- committed up to each of its statements, where the statement around it sees only what was there
-- when it began: whoever was faster leaves nothing behind.
CREATE FUNCTION erase_account(erased uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    hash_of_address bytea;
BEGIN
    -- First: whoever adds to an account without an event holds on to this row until it has committed,
    -- and adds nothing where the row is gone.
    DELETE FROM logins WHERE account_id = erased RETURNING address_hash INTO hash_of_address;
    DELETE FROM data_keys WHERE owner_id = erased;
    DELETE FROM secrets WHERE account_id = erased;
    DELETE FROM settings WHERE account_id = erased;
    DELETE FROM sessions WHERE account_id = erased;
    DELETE FROM tokens WHERE account_id = erased;
    DELETE FROM devices WHERE account_id = erased;
    DELETE FROM idempotent_answers WHERE account_id = erased;
    -- What else stands under the hash of the address.
    DELETE FROM registrations WHERE address_hash = hash_of_address;
    DELETE FROM throttles WHERE key = hash_of_address;
    RETURN true;
END
$$;
REVOKE EXECUTE ON FUNCTION erase_account(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_account(uuid) TO countersign_app;
