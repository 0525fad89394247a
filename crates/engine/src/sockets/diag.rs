//! Asking the kernel for the TCP sockets of a network namespace, by `sock_diag`.

use std::fs::File;
use std::net::SocketAddr;

use bowline_model::Protocol;
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags, Timer,
};
use netlink_sys::{Socket as Netlink, SocketAddr as NetlinkAddress, protocols::NETLINK_SOCK_DIAG};

use super::{Connection, Listener, Socket, TcpState, plain};
use crate::network_namespace::in_namespace;

/// The TCP sockets that listen in a network namespace; `None` where the kernel does not let this process ask.
pub(super) fn listening(namespace: &File) -> Option<Vec<Socket>> {
    ask_both(namespace, &StateFlags::LISTEN, usize::MAX, |response| {
        Some(socket_of(response))
    })
}

/// The TCP sockets of a network namespace that do not listen, at most `most` of either family; `None` where the
/// kernel does not let this process ask.
pub(super) fn connected(namespace: &File, most: usize) -> Option<Vec<Connection>> {
    let states = StateFlags::all() - StateFlags::LISTEN;
    ask_both(namespace, &states, most, connection_of)
}

fn ask_both<T>(
    namespace: &File,
    states: &StateFlags,
    most: usize,
    read: impl Fn(&InetResponse) -> Option<T>,
) -> Option<Vec<T>> {
    let socket = open(namespace)?;
    let mut found = ask(&socket, (AF_INET, SocketId::new_v4()), states, most, &read)?;
    // The rest of a cut answer would be taken for the next one.
    let socket = if found.len() < most {
        socket
    } else {
        open(namespace)?
    };
    // A kernel without IPv6 has nothing to answer.
    let ip6 = ask(&socket, (AF_INET6, SocketId::new_v6()), states, most, &read);
    found.extend(ip6.unwrap_or_default());
    Some(found)
}

/// A socket keeps the namespace in which it was opened.
fn open(namespace: &File) -> Option<Netlink> {
    let open = || {
        let socket = Netlink::new(NETLINK_SOCK_DIAG).ok()?;
        socket.connect(&NetlinkAddress::new(0, 0)).ok()?;
        Some(socket)
    };
    in_namespace(namespace, open).ok()?
}

fn ask<T>(
    socket: &Netlink,
    (family, socket_id): (u8, SocketId),
    states: &StateFlags,
    most: usize,
    read: &impl Fn(&InetResponse) -> Option<T>,
) -> Option<Vec<T>> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let request = SockDiagMessage::InetRequest(InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: states.clone(),
        socket_id,
    });
    let mut message = NetlinkMessage::new(header, request.into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0).ok()?;

    let mut found = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full().ok()?;
        let mut rest = &datagram[..];
        while !rest.is_empty() {
            let reply = NetlinkMessage::<SockDiagMessage>::deserialize(rest).ok()?;
            match reply.payload {
                NetlinkPayload::Done(_) => return Some(found),
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                    found.extend(read(&response));
                    if found.len() >= most {
                        return Some(found);
                    }
                }
                _ => return None,
            }
            // Messages begin at multiples of 4 bytes.
            let length = usize::try_from(reply.header.length).ok()?.max(1);
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

fn socket_of(response: &InetResponse) -> Socket {
    let id = &response.header.socket_id;
    Socket {
        listener: Listener {
            address: plain(id.source_address),
            port: id.source_port,
            protocol: Protocol::Tcp,
        },
        inode: response.header.inode.into(),
    }
}

fn connection_of(response: &InetResponse) -> Option<Connection> {
    let id = &response.header.socket_id;
    Some(Connection {
        local: SocketAddr::new(plain(id.source_address), id.source_port),
        remote: SocketAddr::new(plain(id.destination_address), id.destination_port),
        state: TcpState::of_number(response.header.state)?,
        resent: match response.header.timer {
            Some(Timer::Retransmit(_, times)) => times,
            _ => 0,
        },
    })
}
