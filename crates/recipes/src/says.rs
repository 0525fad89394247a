//! The vocabulary: what a line of a log can say.
//!
//! It is closed, so that whoever reads a log decides by words and not by texts. A word says what happened and
//! nothing about why; where the same thing can have several causes, only a line that tells them apart gets the
//! word for one of them. Words never change meaning; new ones may come.

use std::fmt;

/// Defines [`Says`] and its tables in one place, so that a word cannot be without its captures or its meaning.
macro_rules! vocabulary {
    ($(
        $(#[doc = $about:literal])+
        $variant:ident = $word:literal needs [$($needed:ident),*] may [$($possible:ident),*];
    )+) => {
        /// What a line of a log says. The text of a word is stable; recipes and tests use it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Says {
            $(
                $(#[doc = $about])+
                $variant,
            )+
        }

        impl Says {
            /// Every word, in the order of the guide.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as recipes write it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What it means, in one or two sentences.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => concat!($($about),+).trim_ascii(),)+ }
            }

            /// The captures that every line of this word has.
            pub const fn needs(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$(stringify!($needed)),*],)+ }
            }

            /// The captures that a line of this word may have besides.
            pub const fn may_have(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$(stringify!($possible)),*],)+ }
            }
        }
    };
}

vocabulary! {
    /// Nothing that matters, although a more general line would say something: a page that a browser did not find.
    Nothing = "nothing" needs [] may [];

    // Logins.
    /// A login was refused, and the line does not say why.
    PasswordRefused = "password_refused" needs [] may [user, database, host];
    /// A login came without a password where one is wanted.
    PasswordNotSent = "password_not_sent" needs [] may [user, host];
    /// A login came with a password where none is configured.
    PasswordNotWanted = "password_not_wanted" needs [] may [user];
    /// Server and client have no way of logging in that both know.
    LoginMethodUnknown = "login_method_unknown" needs [] may [name];
    /// The account of a refused login does not exist on this server.
    RoleMissing = "role_missing" needs [user] may [];
    /// The account of a refused login exists, and its password is another one.
    PasswordMismatch = "password_mismatch" needs [] may [user];
    /// The account of a refused login exists and has no password, so that none is right.
    PasswordUnset = "password_unset" needs [user] may [];
    /// The server lets this account or this address not in, whatever the password.
    LoginNotAllowed = "login_not_allowed" needs [] may [user, database, host];
    /// The account may log in, but not do what it asked for.
    NotPermitted = "not_permitted" needs [] may [user, object];
    /// A service wants a key or a token, and got none or a wrong one.
    Unauthorized = "unauthorized" needs [] may [];
    /// A token, a cookie or a session is signed with another key than the one that it is told by.
    SignatureRefused = "signature_refused" needs [] may [];

    // What should be there in a server.
    /// The database, or RabbitMQ's virtual host, does not exist.
    DatabaseMissing = "database_missing" needs [database] may [];
    /// The table, view or sequence does not exist.
    RelationMissing = "relation_missing" needs [relation] may [];
    /// The topic does not exist on this broker.
    TopicMissing = "topic_missing" needs [topic] may [];
    /// The queue or exchange does not exist on this broker.
    QueueMissing = "queue_missing" needs [queue] may [database];
    /// The bucket does not exist in this store.
    BucketMissing = "bucket_missing" needs [] may [bucket];
    /// The search index does not exist.
    IndexMissing = "index_missing" needs [index] may [];
    /// The namespace was never registered.
    NamespaceMissing = "namespace_missing" needs [name] may [];
    /// The search attribute was never registered.
    SearchAttributeMissing = "search_attribute_missing" needs [name] may [];
    /// The schema in a database is older than its program wants, or not there.
    SchemaOutdated = "schema_outdated" needs [] may [from, to, database];

    // The life of a server.
    /// The server does not take work yet.
    StartingUp = "starting_up" needs [] may [];
    /// The server takes work from now on. One that is being initialised may say it of its temporary server too.
    Ready = "ready" needs [] may [port];
    /// The first start made the data folder, with the credentials of the environment.
    Initialised = "initialised" needs [] may [];
    /// The data folder was there already, so the credentials of the environment were not read.
    InitialisationSkipped = "initialisation_skipped" needs [] may [];
    /// The first start needs something that it was not given; without it the data folder is not made.
    InitialisationRefused = "initialisation_refused" needs [] may [name];
    /// The server was told to end, and ends.
    ShuttingDown = "shutting_down" needs [] may [];
    /// The server repairs its data after an end that it was not prepared for.
    Recovering = "recovering" needs [] may [];
    /// A process of the server was ended by a signal.
    ProcessKilled = "process_killed" needs [signal] may [];

    // Data.
    /// The data is of another version than the program.
    DataIncompatible = "data_incompatible" needs [] may [from, to, path];
    /// The data folder can be read by others, which the server refuses.
    DataModeWrong = "data_mode_wrong" needs [] may [path];
    /// The data folder belongs to another user than the server's.
    DataOwnerWrong = "data_owner_wrong" needs [] may [path];
    /// The server may not read or write its data.
    DataNotAccessible = "data_not_accessible" needs [] may [path];
    /// Another process holds the data.
    DataLocked = "data_locked" needs [] may [path];
    /// The server found its lock file gone or changed while it ran: another server took the folder.
    PidfileLost = "pidfile_lost" needs [] may [path];
    /// What the server read is not what it wrote.
    DataCorrupt = "data_corrupt" needs [] may [path];
    /// The data belongs to another cluster or node than this server's configuration says.
    DataOfAnother = "data_of_another" needs [] may [from, to];
    /// A folder that is to be initialised holds something already.
    DataNotEmpty = "data_not_empty" needs [] may [path];
    /// Since this version the data is kept elsewhere, and the server refuses the old mount.
    DataMoved = "data_moved" needs [] may [path];

    // Limits of a server.
    /// The server has all the connections that it takes.
    TooManyClients = "too_many_clients" needs [] may [limit, user];
    /// The program waited too long for a connection of its own pool.
    PoolExhausted = "pool_exhausted" needs [] may [limit];
    /// The program has as many workers as it may have, and requests wait for one.
    WorkersBusy = "workers_busy" needs [] may [limit];
    /// The cache is at its limit of memory, and refuses writes.
    CacheFull = "cache_full" needs [] may [];
    /// The cache holds more than it may, and throws away what it holds, where its policy allows it.
    Evicting = "evicting" needs [] may [];
    /// The server could not write its data, and refuses writes because of it.
    PersistenceFailed = "persistence_failed" needs [] may [path];
    /// A client read slower than it was sent to, and was cut off.
    OutOfBufferLimits = "out_of_buffer_limits" needs [] may [host, limit];
    /// A request waits for a lock that another holds, or gave up waiting.
    LockWait = "lock_wait" needs [] may [];
    /// Two requests waited for each other, and one was refused.
    Deadlock = "deadlock" needs [] may [];
    /// A statement took longer than it may.
    StatementTimeout = "statement_timeout" needs [] may [];
    /// The server takes no writes: it is a replica, or was told so.
    WritesRefused = "writes_refused" needs [] may [];
    /// A broker takes no messages until memory or disk is free again.
    PublishersBlocked = "publishers_blocked" needs [] may [name];
    /// A message is larger than the receiver takes.
    MessageTooLarge = "message_too_large" needs [] may [limit, size];
    /// The other side asks for fewer requests.
    RateLimited = "rate_limited" needs [] may [host];
    /// Everything in a search cluster has its place again.
    ClusterGreen = "cluster_green" needs [] may [];
    /// A replica of an index has no place; everything can be read and written.
    ClusterYellow = "cluster_yellow" needs [] may [];
    /// An index lacks a part of its data.
    ClusterRed = "cluster_red" needs [] may [];
    /// The disk is so full that indices were made read-only.
    FloodStage = "flood_stage" needs [] may [path];
    /// The kernel allows fewer memory areas than the server wants (`vm.max_map_count`).
    VirtualMemoryAreasLow = "virtual_memory_areas_low" needs [] may [from, to];

    // Reaching another service.
    /// The name was not resolved: it does not exist for the resolver, or the client does not tell that from a resolver
    /// that does not answer, as curl and wget do not.
    NameUnknown = "name_unknown" needs [] may [host];
    /// The resolver had no answer: it failed, or the one behind it cannot be reached.
    NameUnanswered = "name_unanswered" needs [] may [host];
    /// Nobody listens there.
    ConnectionRefused = "connection_refused" needs [] may [host, port];
    /// No connection came about, and the line does not say whether it was refused, lost or had no way.
    ConnectionFailed = "connection_failed" needs [] may [host, port];
    /// Nothing came back in time.
    ConnectionTimeout = "connection_timeout" needs [] may [host, port];
    /// No answer came in time, and the line does not say whether a connection came about before.
    AnswerTimeout = "answer_timeout" needs [] may [host, port];
    /// The other side answered that it cannot: a status of HTTP from 500 on.
    ServerError = "server_error" needs [] may [host, status];
    /// There is no way to that address.
    NoRoute = "no_route" needs [] may [host, port];
    /// The other side broke the connection off.
    ConnectionReset = "connection_reset" needs [] may [host, port];
    /// The other side ended the connection without an answer.
    ConnectionClosed = "connection_closed" needs [] may [host, port];
    /// A broker gave an address of its own to dial (`advertised.listeners`), and it cannot be reached.
    AdvertisedAddress = "advertised_address" needs [] may [host, port, node];
    /// A connection string cannot be read: an unencoded character, or no port where one should be.
    BadUrl = "bad_url" needs [] may [value];
    /// A proxy could not reach the service behind it; `how` is `refused`, `no_route` or `reset`.
    UpstreamFailed = "upstream_failed" needs [how] may [host, port];
    /// A proxy could not resolve the name of the service behind it.
    UpstreamNameUnknown = "upstream_name_unknown" needs [host] may [];
    /// The service behind a proxy did not answer in time.
    UpstreamNotAnswering = "upstream_not_answering" needs [] may [host, port];
    /// The service behind a proxy ended the connection without an answer.
    UpstreamClosed = "upstream_closed" needs [] may [host, port];

    // TLS and time.
    /// One side speaks TLS, the other does not.
    TlsMismatch = "tls_mismatch" needs [] may [];
    /// The other side speaks another protocol than it is spoken to.
    ProtocolMismatch = "protocol_mismatch" needs [] may [host, port];
    /// A certificate is too old.
    TlsExpired = "tls_expired" needs [] may [];
    /// A certificate is of the future.
    TlsNotYetValid = "tls_not_yet_valid" needs [] may [];
    /// A certificate is for other names than the one that was dialled.
    TlsNameMismatch = "tls_name_mismatch" needs [] may [host];
    /// Nobody that is trusted signed the certificate.
    TlsUnknownCa = "tls_unknown_ca" needs [] may [];
    /// Two clocks disagree.
    ClockSkew = "clock_skew" needs [] may [];

    // Listening.
    /// Another process listens there.
    AddressInUse = "address_in_use" needs [] may [address, port];
    /// The user may not listen on that port.
    PortNotPermitted = "port_not_permitted" needs [] may [address, port];
    /// The address to listen on is not one of this container's.
    AddressNotAvailable = "address_not_available" needs [] may [address, port];

    // Files, programs and the kernel.
    /// A file or folder is not there.
    FileMissing = "file_missing" needs [path] may [];
    /// A folder stands where a file was expected.
    IsDirectory = "is_directory" needs [] may [path];
    /// Mode or owner do not allow it.
    PermissionDenied = "permission_denied" needs [] may [path];
    /// The file system is mounted read-only.
    ReadOnly = "read_only" needs [] may [path];
    /// It may not be written, and the line does not say whether for want of rights or because of a read-only mount.
    NotWritable = "not_writable" needs [] may [path];
    /// No block, or no inode, is free; or a quota is used up.
    NoSpace = "no_space" needs [] may [path];
    /// A module, package or shared library of the program is not there; `package` is the one that it should be a part of.
    ModuleMissing = "module_missing" needs [module] may [package];
    /// The program, or the interpreter that it names, is not there.
    ExecMissing = "exec_missing" needs [] may [path];
    /// The program is for another processor, or a script without a first line that says who reads it.
    ExecFormat = "exec_format" needs [] may [path];
    /// A shell did not find a command.
    CommandMissing = "command_missing" needs [name] may [];
    /// A variable, option or setting that has to be there is not. A `KeyError` of Python can be of any dictionary, so look
    /// whether the program is told a variable of that name anywhere.
    VariableMissing = "variable_missing" needs [name] may [];
    /// The program does not know an option or a setting that it was given.
    SettingUnknown = "setting_unknown" needs [] may [name, path];
    /// The program cannot use the value of a setting.
    SettingWrong = "setting_wrong" needs [] may [name, path];
    /// The process may not open more files.
    TooManyFiles = "too_many_files" needs [] may [];
    /// No further process or thread may be started.
    CannotFork = "cannot_fork" needs [] may [];
    /// The program itself could not get memory.
    OutOfMemory = "out_of_memory" needs [] may [];
}

impl Says {
    /// Finds the word that is written so.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|says| says.word() == word)
    }

    /// Whether a server that is well says it too.
    pub const fn is_benign(self) -> bool {
        matches!(
            self,
            Self::Nothing
                | Self::Ready
                | Self::Initialised
                | Self::InitialisationSkipped
                | Self::ShuttingDown
                | Self::ClusterGreen
                | Self::ClusterYellow
        )
    }

    /// The capture of this name, if lines of this word may have it.
    pub(crate) fn capture(self, name: &str) -> Option<&'static str> {
        let mut all = self.needs().iter().chain(self.may_have());
        all.find(|capture| **capture == name).copied()
    }
}

impl fmt::Display for Says {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
