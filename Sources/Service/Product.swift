/// What this is.
public enum Product {
    /// As `--version`, the log and the metrics show it.
    public static let version = "0.1.0"
}
