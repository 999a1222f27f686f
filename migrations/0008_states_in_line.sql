-- A state is read at every session check and written by every command. Compressed, which PostgreSQL
-- begins at two kilobytes of a row, it would cost more than it saves; a page holds this much as it is.
ALTER TABLE states SET (toast_tuple_target = 8160);
