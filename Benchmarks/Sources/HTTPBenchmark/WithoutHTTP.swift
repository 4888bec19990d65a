#if !HTTP
/// Without the trait there is nothing to measure.
@main
struct HTTPBenchmark {
    static func main() {
        print("usage: swift run -c release --traits HTTP --package-path Benchmarks HTTPBenchmark")
    }
}
#endif
