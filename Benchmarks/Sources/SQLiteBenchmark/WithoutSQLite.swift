#if !SQLite
/// Without the trait there is nothing to measure.
@main
struct SQLiteBenchmark {
    static func main() {
        print("usage: swift run -c release --traits SQLite --package-path Benchmarks SQLiteBenchmark")
    }
}
#endif
