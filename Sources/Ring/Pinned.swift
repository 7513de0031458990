/// A value that lives on one shard, with a name that may travel: other threads can hold it, only its shard can reach
/// it.
///
/// `@unchecked Sendable`: the value is handed out on its own shard only, which is checked every time.
public struct Pinned<Value: AnyObject>: @unchecked Sendable {
    private let value: Value
    public let shard: Shard

    /// Pins `value`, which from now on is used on `shard` alone.
    public init(_ value: sending Value, to shard: Shard) {
        self.value = value
        self.shard = shard
    }

    /// The value. Only on its own shard.
    public func reached(on shard: isolated Shard) -> Value {
        precondition(shard === self.shard, "a pinned value was reached from another shard")
        return value
    }
}
