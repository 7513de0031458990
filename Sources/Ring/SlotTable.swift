/// Names a value in a `SlotTable`: a place and how often the place has been used. Once the value is removed the name
/// is stale for ever (until 2^32 later uses of one place), so that a late message about it is recognised.
public struct SlotID: Hashable, Sendable {
    @usableFromInline let index: UInt32
    @usableFromInline let generation: UInt32

    @inlinable
    init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    /// From the 64 bits that travel through the kernel.
    init(bits: UInt64) {
        index = UInt32(truncatingIfNeeded: bits)
        generation = UInt32(truncatingIfNeeded: bits >> 32)
    }

    /// As 64 bits. `UInt64.max` and its neighbour never occur: the table ends before.
    var bits: UInt64 { UInt64(generation) << 32 | UInt64(index) }
}

/// Values under generation-checked names, in memory that is reused and grows by doubling.
///
/// Inserting, looking up and removing take constant time and, once the table has grown, allocate nothing. Inlinable,
/// because a generic that is called in another module is some ten times slower.
public struct SlotTable<Value>: ~Copyable {
    @usableFromInline
    struct Slot {
        @usableFromInline var generation: UInt32 = 0
        @usableFromInline var nextFree: UInt32 = SlotTable.noSlot
        @usableFromInline var value: Value?

        @inlinable
        init() {}
    }

    @inlinable static var noSlot: UInt32 { .max }

    @usableFromInline var slots: UnsafeMutablePointer<Slot>
    @usableFromInline var capacity: Int
    @usableFromInline var used = 0
    @usableFromInline var firstFree = SlotTable.noSlot
    @usableFromInline var held = 0
    /// Values held.
    @inlinable public var count: Int { held }

    @inlinable
    public init(capacity: Int = 64) {
        precondition(capacity > 0)
        self.capacity = capacity
        slots = .allocate(capacity: capacity)
    }

    @inlinable
    deinit {
        slots.deinitialize(count: used)
        slots.deallocate()
    }

    @inlinable
    public mutating func insert(_ value: Value) -> SlotID {
        let index: UInt32
        if firstFree != Self.noSlot {
            index = firstFree
            firstFree = slots[Int(index)].nextFree
        } else {
            if used == capacity { grow() }
            index = UInt32(used)
            (slots + used).initialize(to: Slot())
            used += 1
        }
        slots[Int(index)].value = value
        held += 1
        return SlotID(index: index, generation: slots[Int(index)].generation)
    }

    /// True while the value of this name is held.
    @inlinable
    public borrowing func contains(_ id: SlotID) -> Bool {
        // A place that holds nothing has a generation that no name has yet.
        Int(id.index) < used && slots[Int(id.index)].generation == id.generation
    }

    /// The value of this name; `nil` where the name is stale.
    @inlinable
    public borrowing func value(_ id: SlotID) -> Value? {
        contains(id) ? slots[Int(id.index)].value : nil
    }

    /// Changes the value of this name in place. The name must not be stale.
    @inlinable
    public mutating func update<Result>(_ id: SlotID, _ body: (inout Value) -> Result) -> Result {
        precondition(contains(id), "stale slot")
        return body(&slots[Int(id.index)].value!)
    }

    /// Removes and returns the value of this name; `nil` where the name is stale.
    @inlinable
    public mutating func remove(_ id: SlotID) -> Value? {
        guard contains(id) else { return nil }
        let slot = slots + Int(id.index)
        let value = slot.pointee.value.take()
        slot.pointee.generation &+= 1
        slot.pointee.nextFree = firstFree
        firstFree = id.index
        held -= 1
        return value
    }

    /// The names of all values held, in no particular order.
    public borrowing func ids() -> [SlotID] {
        (0..<used).compactMap { index in
            guard slots[index].value != nil else { return nil }
            return SlotID(index: UInt32(index), generation: slots[index].generation)
        }
    }

    @usableFromInline
    mutating func grow() {
        precondition(capacity < Int(Int32.max) / 2, "slot table full")
        let grown = UnsafeMutablePointer<Slot>.allocate(capacity: capacity * 2)
        grown.moveInitialize(from: slots, count: used)
        slots.deallocate()
        slots = grown
        capacity *= 2
    }
}
