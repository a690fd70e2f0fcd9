-- Records lie in the order in which they came: the oldest are the first, and need no index of times.
DROP INDEX audit_by_time;
