-- When a QOS' usage was set to zero (`modify qos … set RawUsage=0`), the account flag UsersAreCoords, and comments on
-- associations.
ALTER TABLE qos ADD COLUMN usage_reset INTEGER;
ALTER TABLE account ADD COLUMN users_coordinate INTEGER NOT NULL DEFAULT 0 CHECK (users_coordinate IN (0, 1));
ALTER TABLE association ADD COLUMN comment TEXT;
