import Testing

@testable import Ring

/// A table that the testing macros can take apart: they need values that can be copied.
private final class Table<Value> {
    private var slots: SlotTable<Value>

    init(capacity: Int = 64) {
        slots = SlotTable(capacity: capacity)
    }

    var count: Int { slots.count }
    func insert(_ value: Value) -> SlotID { slots.insert(value) }
    func contains(_ id: SlotID) -> Bool { slots.contains(id) }
    func value(_ id: SlotID) -> Value? { slots.value(id) }
    func update(_ id: SlotID, _ body: (inout Value) -> Void) { slots.update(id, body) }
    func remove(_ id: SlotID) -> Value? { slots.remove(id) }
    func ids() -> [SlotID] { slots.ids() }
}

@Suite struct SlotTableTests {
    @Test func holdsWhatIsInserted() {
        let table = Table<String>(capacity: 1)
        let ids = (0..<100).map { table.insert("value \($0)") }
        #expect(table.count == 100)
        for (number, id) in ids.enumerated() {
            #expect(table.contains(id))
            #expect(table.value(id) == "value \(number)")
        }
        #expect(Set(table.ids()) == Set(ids))
    }

    @Test func aRemovedNameIsStaleForEver() {
        let table = Table<Int>()
        let old = table.insert(1)
        #expect(table.remove(old) == 1)
        #expect(table.remove(old) == nil)
        #expect(!table.contains(old) && table.value(old) == nil)
        let next = table.insert(2)
        #expect(next.index == old.index && next != old)
        #expect(table.remove(old) == nil)
        #expect(table.value(next) == 2)
        #expect(table.count == 1)
    }

    @Test func valuesChangeInPlace() {
        let table = Table<[Int]>()
        let id = table.insert([])
        for number in 0..<3 { table.update(id) { $0.append(number) } }
        #expect(table.value(id) == [0, 1, 2])
    }

    @Test func namesSurviveTheirWayThroughTheKernel() {
        for id in [
            SlotID(index: 0, generation: 0), SlotID(index: 7, generation: .max), SlotID(index: .max / 2, generation: 1),
        ] {
            #expect(SlotID(bits: id.bits) == id)
            #expect(id.bits != .max && id.bits != .max - 1)
        }
    }

    @Test func namesThatWereNeverGivenAreStale() {
        let table = Table<Int>()
        _ = table.insert(1)
        for id in [SlotID(index: 1, generation: 0), SlotID(index: 0, generation: 1), SlotID(bits: .max)] {
            #expect(!table.contains(id) && table.value(id) == nil && table.remove(id) == nil)
        }
    }

    @Test func updatingAStaleNameEndsTheProcess() async {
        await #expect(processExitsWith: .failure) {
            let table = Table<Int>()
            let id = table.insert(1)
            _ = table.remove(id)
            table.update(id) { $0 += 1 }
        }
    }

    /// Values go when they are removed or their table goes, and not before.
    @Test func ownsItsValues() {
        final class Value {}
        weak var first: Value?
        weak var second: Value?
        do {
            let table = Table<Value>(capacity: 1)
            let id: SlotID
            do {
                let values = (Value(), Value())
                (first, second) = (values.0, values.1)
                id = table.insert(values.0)
                _ = table.insert(values.1)
            }
            #expect(first != nil && second != nil)
            _ = table.remove(id)
            #expect(first == nil && second != nil)
        }
        #expect(second == nil)
    }

    @Test(arguments: 0..<4)
    func behavesAsADictionary(seed: Int) {
        var random = Random(seed: UInt64(seed))
        let table = Table<Int>(capacity: 2)
        var model: [SlotID: Int] = [:]
        var stale: [SlotID] = []
        for step in 0..<3_000 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                let id = table.insert(step)
                #expect(model[id] == nil && !stale.contains(id))
                model[id] = step
            case 2:
                guard let id = model.keys.randomElement(using: &random) else { continue }
                #expect(table.remove(id) == model.removeValue(forKey: id))
                stale.append(id)
            case 3:
                guard let id = model.keys.randomElement(using: &random) else { continue }
                table.update(id) { $0 += 1 }
                model[id]? += 1
                #expect(table.value(id) == model[id])
            default:
                guard let id = stale.randomElement(using: &random) else { continue }
                #expect(table.value(id) == nil)
            }
            #expect(table.count == model.count)
        }
        #expect(Set(table.ids()) == Set(model.keys))
    }
}
