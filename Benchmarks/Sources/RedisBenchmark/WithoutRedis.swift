#if !Redis
/// Without the trait there is nothing to measure.
@main
struct RedisBenchmark {
    static func main() {
        print("usage: swift run -c release --traits Redis --package-path Benchmarks RedisBenchmark")
    }
}
#endif
