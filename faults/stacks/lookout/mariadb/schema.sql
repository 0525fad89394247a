CREATE TABLE events (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    source VARCHAR(40) NOT NULL,
    level VARCHAR(10) NOT NULL,
    message TEXT NOT NULL,
    received TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    KEY (received)
);

CREATE TABLE hourly (
    hour DATETIME NOT NULL,
    source VARCHAR(40) NOT NULL,
    events INT NOT NULL,
    PRIMARY KEY (hour, source)
);
