//! Asking the kernel for what listens, by `sock_diag`.

use std::fs::File;
use std::net::IpAddr;
use std::os::fd::AsFd as _;

use bowline_model::Protocol;
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags,
};
use netlink_sys::{Socket as Netlink, SocketAddr, protocols::NETLINK_SOCK_DIAG};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{Listener, Socket};

/// The TCP sockets that listen in a network namespace; `None` where the kernel does not let this process ask.
pub(super) fn listening(namespace: &File) -> Option<Vec<Socket>> {
    let socket = enter_and_open(namespace)?;
    let mut found = ask(&socket, AF_INET, SocketId::new_v4())?;
    // A kernel without IPv6 has nothing to answer.
    found.extend(ask(&socket, AF_INET6, SocketId::new_v6()).unwrap_or_default());
    Some(found)
}

/// A socket keeps the namespace in which it was opened, so only a thread that ends right afterwards enters it.
fn enter_and_open(namespace: &File) -> Option<Netlink> {
    std::thread::scope(|scope| {
        let open = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).ok()?;
            let socket = Netlink::new(NETLINK_SOCK_DIAG).ok()?;
            socket.connect(&SocketAddr::new(0, 0)).ok()?;
            Some(socket)
        };
        scope.spawn(open).join().ok()?
    })
}

fn ask(socket: &Netlink, family: u8, socket_id: SocketId) -> Option<Vec<Socket>> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let request = SockDiagMessage::InetRequest(InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::LISTEN,
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
                    found.push(socket_of(&response));
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
            address: match id.source_address {
                IpAddr::V6(address) => address
                    .to_ipv4_mapped()
                    .map_or(IpAddr::V6(address), IpAddr::V4),
                address @ IpAddr::V4(_) => address,
            },
            port: id.source_port,
            protocol: Protocol::Tcp,
        },
        inode: response.header.inode.into(),
    }
}
