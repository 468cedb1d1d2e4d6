//! Making a connection: to an address, or to the master that the sentinels name.

use super::options::Setup;
use ::redis::aio::MultiplexedConnection;
use ::redis::io::tcp::TcpSettings;
use ::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, Value,
};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Address {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl Address {
    pub(super) fn tcp(host: &str, port: u16) -> Self {
        Address::Tcp { host: host.to_owned(), port }
    }

    /// What this server calls `host`; nothing and a question mark mean itself.
    pub(super) fn beside(&self, host: &str, port: u16) -> Self {
        match self {
            Address::Tcp { host: own, .. } if matches!(host, "" | "?") => Address::tcp(own, port),
            _ => Address::tcp(host, port),
        }
    }

    /// `host:port`, as redirections have it; the host may be an IPv6 address without brackets.
    pub(super) fn parse(text: &str, asked: &Address) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        Some(asked.beside(host, port.parse().ok()?))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Who we are, and which database we use.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: i64,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("database", &self.database)
            .finish()
    }
}

/// To whom a node connects.
#[derive(Debug, Clone)]
pub(super) enum Goal {
    Server(Address),
    /// Whoever is the master at that moment.
    Master {
        sentinels: Vec<Address>,
        master: String,
        login: Login,
    },
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::Server(address) => write!(f, "{address}"),
            Goal::Master { sentinels, master, .. } => {
                let sentinels: Vec<_> = sentinels.iter().map(ToString::to_string).collect();
                write!(f, "{master} by sentinel {}", sentinels.join(","))
            }
        }
    }
}

/// Connects, logs in, and lets the server answer once; or says why not, within the connect timeout.
pub(super) async fn dial(
    goal: &Goal,
    setup: &Arc<Setup>,
) -> Result<(MultiplexedConnection, Address), String> {
    let limit = setup.connect_timeout;
    match timeout(limit, reach(goal, setup)).await {
        Ok(result) => result,
        Err(_) => Err(format!("no connection within {limit:?}")),
    }
}

async fn reach(
    goal: &Goal,
    setup: &Arc<Setup>,
) -> Result<(MultiplexedConnection, Address), String> {
    match goal {
        Goal::Server(address) => {
            let mut connection = connect(address, &setup.login, setup).await?;
            ask(&mut connection, &["PING"]).await?;
            Ok((connection, address.clone()))
        }
        Goal::Master { sentinels, master, login } => {
            let address = locate(sentinels, master, login, setup).await?;
            let named = |why: String| format!("{address}: {why}");
            let mut connection = connect(&address, &setup.login, setup).await.map_err(named)?;
            match ask(&mut connection, &["ROLE"]).await.map_err(named)? {
                Value::Array(role) if role.first() == Some(&text("master")) => {}
                _ => return Err(format!("{address} is named by a sentinel but is no master")),
            }
            Ok((connection, address))
        }
    }
}

/// Whom the sentinels name now, if there are any and one answers.
pub(super) async fn master(goal: &Goal, setup: &Arc<Setup>) -> Option<Address> {
    let Goal::Master { sentinels, master, login } = goal else { return None };
    let naming = locate(sentinels, master, login, setup);
    timeout(setup.connect_timeout, naming).await.ok()?.ok()
}

/// The master that the first sentinel to answer names.
async fn locate(
    sentinels: &[Address],
    master: &str,
    login: &Login,
    setup: &Arc<Setup>,
) -> Result<Address, String> {
    let mut asked = JoinSet::new();
    for sentinel in sentinels {
        let (sentinel, master) = (sentinel.clone(), master.to_owned());
        let (login, setup) = (login.clone(), setup.clone());
        asked.spawn(async move {
            let found = name_of_master(&sentinel, &master, &login, &setup).await;
            found.map_err(|why| format!("sentinel {sentinel}: {why}"))
        });
    }
    let mut reasons = Vec::new();
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok(Ok(address)) => return Ok(address),
            Ok(Err(why)) => reasons.push(why),
            Err(panic) => reasons.push(panic.to_string()),
        }
    }
    Err(reasons.join("; "))
}

async fn name_of_master(
    sentinel: &Address,
    master: &str,
    login: &Login,
    setup: &Setup,
) -> Result<Address, String> {
    let mut connection = connect(sentinel, login, setup).await?;
    match ask(&mut connection, &["SENTINEL", "get-master-addr-by-name", master]).await? {
        Value::Array(place) => {
            let [Value::BulkString(host), Value::BulkString(port)] = &place[..] else {
                return Err("an answer without host and port".into());
            };
            let place =
                format!("{}:{}", String::from_utf8_lossy(host), String::from_utf8_lossy(port));
            Address::parse(&place, sentinel).ok_or(format!("`{place}` is no address"))
        }
        _ => Err(format!("it knows no master `{master}`")),
    }
}

async fn connect(
    address: &Address,
    login: &Login,
    setup: &Setup,
) -> Result<MultiplexedConnection, String> {
    // Deadlines are ours: the crate's default would end answers after 500 ms.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(setup.in_flight.min(1024));
    let client = client(address, login, setup).map_err(|error| error.to_string())?;
    let connection = client.get_multiplexed_async_connection_with_config(&config).await;
    connection.map_err(|error| error.to_string())
}

async fn ask(connection: &mut MultiplexedConnection, words: &[&str]) -> Result<Value, String> {
    let mut command = ::redis::Cmd::new();
    command.arg(words);
    let answer = connection.send_packed_command(&command).await;
    answer.and_then(Value::extract_error).map_err(|error| error.to_string())
}

fn text(text: &str) -> Value {
    Value::BulkString(text.into())
}

fn client(address: &Address, login: &Login, setup: &Setup) -> ::redis::RedisResult<Client> {
    let mut settings = RedisConnectionInfo::default()
        .set_db(login.database)
        .set_lib_name("larder", env!("CARGO_PKG_VERSION"));
    if let Some(user) = &login.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &login.password {
        settings = settings.set_password(password);
    }
    let place = match address {
        Address::Unix(path) => ConnectionAddr::Unix(path.clone()),
        Address::Tcp { host, port } if setup.tls => ConnectionAddr::TcpTls {
            host: host.clone(),
            port: *port,
            insecure: false,
            tls_params: None,
        },
        Address::Tcp { host, port } => ConnectionAddr::Tcp(host.clone(), *port),
    };
    let info = place
        .into_connection_info()?
        .set_redis_settings(settings)
        .set_tcp_settings(TcpSettings::default().set_nodelay(true));
    open(info, setup)
}

#[cfg(feature = "tls")]
fn open(info: ::redis::ConnectionInfo, setup: &Setup) -> ::redis::RedisResult<Client> {
    if !setup.tls {
        return Client::open(info);
    }
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Where a program has several, rustls would refuse to choose; who was faster may keep his.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    Client::build_with_tls(info, setup.certificates.clone())
}

#[cfg(not(feature = "tls"))]
fn open(info: ::redis::ConnectionInfo, _: &Setup) -> ::redis::RedisResult<Client> {
    Client::open(info)
}
