//! Crashes, full disks, foreign files, lost keys.
