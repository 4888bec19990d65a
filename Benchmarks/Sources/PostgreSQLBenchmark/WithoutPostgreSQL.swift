#if !PostgreSQL
/// Without the trait there is nothing to measure.
@main
struct PostgreSQLBenchmark {
    static func main() {
        print("usage: swift run -c release --traits PostgreSQL --package-path Benchmarks PostgreSQLBenchmark")
    }
}
#endif
