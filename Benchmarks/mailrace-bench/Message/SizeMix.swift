/// How long the bodies of a run's messages are: one length, or several that come in certain shares.
struct SizeMix: Equatable, Sendable, CustomStringConvertible {
    struct Part: Equatable, Sendable {
        /// 0, or 2 at least, for a body ends with CRLF.
        let bytes: Int
        /// Its share is this part of the sum of all weights.
        let weight: Int
    }

    let parts: [Part]
    private let weightSum: Int

    static let partsLimit = 32
    private static let weightLimit = 1_000_000

    /// Bodies that all have the same length.
    init(bytes: Int) {
        parts = [Part(bytes: bytes, weight: 1)]
        weightSum = 1
    }

    /// From `SIZE:WEIGHT,...`, as in `4k:80,64k:15,1M:5`; a size alone weighs 1.
    init(_ text: String) throws(UsageError) {
        var parts: [Part] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let fields = item.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count <= 2 else { throw UsageError("'\(item)' is not a size with a weight, such as 4k:80") }
            let weight = fields.count == 2 ? try Values.count(String(fields[1]), in: 1...Self.weightLimit) : 1
            parts.append(Part(bytes: try Values.size(String(fields[0])), weight: weight))
        }
        guard parts.count <= Self.partsLimit else { throw UsageError("more than \(Self.partsLimit) sizes") }
        self.parts = parts
        weightSum = parts.reduce(0) { $0 + $1.weight }
    }

    /// Whether bodies of these lengths can be made.
    var isPossible: Bool { parts.allSatisfy { $0.bytes != 1 } }

    /// Which part the message of this number belongs to; the same in every run.
    func part(of number: UInt64) -> Int {
        guard parts.count > 1 else { return 0 }
        var numbers = RandomNumbers(seed: number)
        var rest = Int(numbers.next() % UInt64(weightSum))
        for (index, part) in parts.enumerated() {
            if rest < part.weight { return index }
            rest -= part.weight
        }
        preconditionFailure("weights that do not sum up")
    }

    /// Bytes of the body of the message of this number.
    func bytes(of number: UInt64) -> Int { parts[part(of: number)].bytes }

    /// `4096`, or `4096:80,65536:20`.
    var description: String {
        guard parts.count > 1 else { return "\(parts[0].bytes)" }
        return parts.map { "\($0.bytes):\($0.weight)" }.joined(separator: ",")
    }
}
