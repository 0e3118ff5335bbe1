-- 0007: a timer rings in the language in which it was started.
ALTER TABLE timer ADD COLUMN lang TEXT;    -- two letters ("de"), NULL unknown
