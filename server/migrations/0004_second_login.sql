ALTER TABLE apps ADD COLUMN second_login TEXT;
