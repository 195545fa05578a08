//! inet, cidr, macaddr and macaddr8. The binary form of the first two is
//! `network_send` in `network.c`: family, bits, is it a cidr, length, address.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::{BufMut, BytesMut};

use super::Literal;
use super::bytea::hex_digit;
use crate::mask::Format;

/// `PGSQL_AF_INET` and `PGSQL_AF_INET6` in `utils/inet.h`.
const FAMILY_4: u8 = 2;
const FAMILY_6: u8 = 3;

/// An address, and how many of its bits name a network.
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        Some(Self { address, bits: bits.unwrap_or(most) }).filter(|n| n.bits <= most)
    }

    fn is_host(&self) -> bool {
        self.bits == if self.address.is_ipv4() { 32 } else { 128 }
    }

    /// Nothing set behind the network's bits.
    fn is_network(&self) -> bool {
        let (address, most) = match self.address {
            IpAddr::V4(a) => (u128::from(u32::from(a)), 32),
            IpAddr::V6(a) => (u128::from(a), 128),
        };
        // Of a zero address, every bit is a trailing zero.
        address.trailing_zeros() >= u32::from(most - self.bits)
    }

    /// Reads an inet or cidr. None: it is none.
    pub fn decode(value: &[u8], format: Format) -> Option<Self> {
        match format {
            Format::Text => Self::parse(std::str::from_utf8(value).ok()?),
            Format::Binary => match *value {
                [FAMILY_4, bits @ 0..=32, 0 | 1, 4, ref octets @ ..] => {
                    let octets: [u8; 4] = octets.try_into().ok()?;
                    Some(Self { address: octets.into(), bits })
                }
                [FAMILY_6, bits @ 0..=128, 0 | 1, 16, ref octets @ ..] => {
                    let octets: [u8; 16] = octets.try_into().ok()?;
                    Some(Self { address: octets.into(), bits })
                }
                _ => None,
            },
        }
    }

    /// The network of so many bits that the address lies in.
    pub fn network(&self, (four, six): (u8, u8)) -> Self {
        match self.address {
            IpAddr::V4(a) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(four.min(32))).unwrap_or(0);
                Self { address: Ipv4Addr::from(u32::from(a) & mask).into(), bits: four.min(32) }
            }
            IpAddr::V6(a) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(six.min(128))).unwrap_or(0);
                Self { address: Ipv6Addr::from(u128::from(a) & mask).into(), bits: six.min(128) }
            }
        }
    }

    pub fn encode(&self, is_cidr: bool, format: Format, out: &mut BytesMut) {
        match (format, self.address) {
            (Format::Text, address) => {
                // BytesMut grows as needed, so writing can't fail.
                let _ = if self.is_host() && !is_cidr {
                    write!(out, "{address}")
                } else {
                    write!(out, "{address}/{}", self.bits)
                };
            }
            (Format::Binary, IpAddr::V4(a)) => {
                out.put_slice(&[FAMILY_4, self.bits, u8::from(is_cidr), 4]);
                out.put_slice(&a.octets());
            }
            (Format::Binary, IpAddr::V6(a)) => {
                out.put_slice(&[FAMILY_6, self.bits, u8::from(is_cidr), 16]);
                out.put_slice(&a.octets());
            }
        }
    }

    fn literal(&self, is_cidr: bool) -> Literal {
        let (mut text, mut binary) = (BytesMut::new(), BytesMut::new());
        self.encode(is_cidr, Format::Text, &mut text);
        self.encode(is_cidr, Format::Binary, &mut binary);
        Literal::new(text, binary)
    }
}

pub fn inet(value: Option<&str>) -> Result<Literal, String> {
    Network::parse(value.unwrap_or("0.0.0.0").trim())
        .map(|n| n.literal(false))
        .ok_or_else(|| "\"value\" must be an address like 192.0.2.1 or 192.0.2.1/24".to_owned())
}

pub fn cidr(value: Option<&str>) -> Result<Literal, String> {
    Network::parse(value.unwrap_or("0.0.0.0/32").trim())
        .filter(Network::is_network)
        .map(|n| n.literal(true))
        .ok_or_else(|| "\"value\" must be a network like 192.0.2.0/24".to_owned())
}

/// N bytes, as hex pairs between colons.
pub fn macaddr<const N: usize>(value: Option<&str>) -> Result<Literal, String> {
    let bytes = match value {
        None => Some([0; N]),
        Some(v) => parse_mac(v.trim()),
    };
    let bytes = bytes.ok_or_else(|| format!("\"value\" must be {N} pairs of hex digits with colons"))?;
    let text: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
    Ok(Literal::new(text.join(":"), bytes.to_vec()))
}

fn parse_mac<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut pairs = text.split([':', '-']);
    let mut bytes = [0; N];
    for byte in &mut bytes {
        let &[high, low] = pairs.next()?.as_bytes() else { return None };
        *byte = (hex_digit(high)? << 4) | hex_digit(low)?;
    }
    pairs.next().is_none().then_some(bytes)
}
