/// Hashes for `hashClient`. Theirs is the whole purpose: the same in every shard, process and version.
enum ClientHash {
    /// FNV-1a, 64 bits.
    static func of(_ bytes: some Sequence<UInt8>, seed: UInt64 = 0xcbf2_9ce4_8422_2325) -> UInt64 {
        bytes.reduce(seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    /// How much a server is a client's: the highest has it.
    static func weight(of server: String, for client: UInt64) -> UInt64 {
        var mixed = of(server.utf8, seed: client ^ 0xcbf2_9ce4_8422_2325)
        // FNV's last bytes hardly reach the high bits (finaliser of MurmurHash3).
        mixed = (mixed ^ (mixed >> 33)) &* 0xff51_afd7_ed55_8ccd
        mixed = (mixed ^ (mixed >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return mixed ^ (mixed >> 33)
    }
}
