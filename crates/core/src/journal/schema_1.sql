-- Schema 1. Released files have it: never change it, add schema_2.sql.
-- Times are UTC text with nine digits behind the point. Columns that end in _sealed are encrypted.

CREATE TABLE about (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE operation (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    verb        TEXT NOT NULL,
    user        TEXT NOT NULL,
    host        TEXT NOT NULL,
    pid         INTEGER NOT NULL,
    began       TEXT NOT NULL,
    undoes      INTEGER REFERENCES operation (number),
    plan        TEXT NOT NULL,
    goal_sealed BLOB,
    plan_sealed BLOB
) STRICT;

CREATE TABLE operation_end (
    number       INTEGER PRIMARY KEY,
    operation    INTEGER NOT NULL REFERENCES operation (number),
    at           TEXT NOT NULL,
    outcome      TEXT NOT NULL CHECK (outcome IN ('done', 'failed', 'interrupted', 'superseded', 'undone', 'stuck')),
    step         INTEGER,
    words        TEXT,
    by_operation INTEGER REFERENCES operation (number)
) STRICT;
CREATE INDEX operation_end_of ON operation_end (operation);

CREATE TABLE step (
    number      INTEGER PRIMARY KEY,
    operation   INTEGER NOT NULL REFERENCES operation (number),
    step        INTEGER NOT NULL,
    at          TEXT NOT NULL,
    action      TEXT NOT NULL,
    cause       TEXT NOT NULL,
    effect      TEXT NOT NULL,
    service     TEXT,
    undo        TEXT NOT NULL,
    step_sealed BLOB,
    undo_sealed BLOB,
    UNIQUE (operation, step)
) STRICT;

CREATE TABLE touch (
    step INTEGER NOT NULL REFERENCES step (number),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (kind, name, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX touch_of ON touch (step);

CREATE TABLE step_end (
    number  INTEGER PRIMARY KEY,
    step    INTEGER NOT NULL REFERENCES step (number),
    at      TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'failed', 'unknown')),
    made    TEXT,
    already INTEGER NOT NULL DEFAULT 0,
    words   TEXT
) STRICT;
CREATE INDEX step_end_of ON step_end (step);

CREATE TABLE baseline (
    container       TEXT PRIMARY KEY NOT NULL,
    name            TEXT NOT NULL,
    operation       INTEGER NOT NULL REFERENCES operation (number),
    at              TEXT NOT NULL,
    image           TEXT NOT NULL,
    baseline_sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ready (
    container TEXT NOT NULL,
    started   TEXT NOT NULL,
    at        TEXT NOT NULL,
    PRIMARY KEY (container, started)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    number     INTEGER PRIMARY KEY,
    operation  INTEGER NOT NULL REFERENCES operation (number),
    at         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    action     TEXT NOT NULL,
    object     TEXT NOT NULL,
    attributes TEXT NOT NULL,
    UNIQUE (operation, at, kind, action, object)
) STRICT;

CREATE TABLE event_gap (
    operation INTEGER NOT NULL REFERENCES operation (number),
    since     TEXT NOT NULL,
    until     TEXT NOT NULL,
    PRIMARY KEY (operation, since, until)
) STRICT, WITHOUT ROWID;

CREATE TABLE passed (
    number  INTEGER PRIMARY KEY,
    at      TEXT NOT NULL,
    user    TEXT NOT NULL,
    host    TEXT NOT NULL,
    pid     INTEGER NOT NULL,
    verb    TEXT NOT NULL,
    subject TEXT NOT NULL,
    words   TEXT NOT NULL
) STRICT;

-- Records are appended and never changed.
CREATE TRIGGER operation_stays BEFORE UPDATE ON operation BEGIN SELECT RAISE(ABORT, 'records are never changed'); END;
CREATE TRIGGER operation_kept BEFORE DELETE ON operation BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END;
CREATE TRIGGER operation_end_stays BEFORE UPDATE ON operation_end BEGIN SELECT RAISE(ABORT, 'records are never changed'); END;
CREATE TRIGGER operation_end_kept BEFORE DELETE ON operation_end BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END;
CREATE TRIGGER step_stays BEFORE UPDATE ON step BEGIN SELECT RAISE(ABORT, 'records are never changed'); END;
CREATE TRIGGER step_kept BEFORE DELETE ON step BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END;
CREATE TRIGGER step_end_stays BEFORE UPDATE ON step_end BEGIN SELECT RAISE(ABORT, 'records are never changed'); END;
CREATE TRIGGER step_end_kept BEFORE DELETE ON step_end BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END;
CREATE TRIGGER passed_stays BEFORE UPDATE ON passed BEGIN SELECT RAISE(ABORT, 'records are never changed'); END;
CREATE TRIGGER passed_kept BEFORE DELETE ON passed BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END;

-- For people with any sqlite3.
CREATE VIEW history AS
SELECT o.number, o.id, o.verb, o.user || '@' || o.host AS who, o.began,
       (SELECT at FROM operation_end e WHERE e.operation = o.number ORDER BY e.number LIMIT 1) AS ended,
       coalesce(last.outcome, 'open') AS outcome, last.step AS failed_step, last.words,
       (SELECT id FROM operation b WHERE b.number = last.by_operation) AS by_operation,
       (SELECT id FROM operation u WHERE u.number = o.undoes) AS undoes
FROM operation o
LEFT JOIN operation_end last ON last.number = (SELECT max(number) FROM operation_end e WHERE e.operation = o.number)
ORDER BY o.number;

CREATE VIEW steps AS
SELECT o.id AS operation, s.step, s.action, s.cause, s.effect, s.service, s.undo, s.at AS began, last.at AS ended,
       coalesce(last.outcome, 'open') AS outcome, last.made, last.already, last.words
FROM step s
JOIN operation o ON o.number = s.operation
LEFT JOIN step_end last ON last.number = (SELECT max(number) FROM step_end e WHERE e.step = s.number)
ORDER BY s.number;

CREATE VIEW events AS
SELECT o.id AS operation, e.at, e.kind, e.action, e.object, json_extract(e.attributes, '$.name') AS name,
       json_extract(e.attributes, '$.exitCode') AS exit_code
FROM event e JOIN operation o ON o.number = e.operation
ORDER BY e.at, e.number;
