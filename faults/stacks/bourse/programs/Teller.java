import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.FileReader;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Takes a trade with every request to /trade, and more slowly with one to /report. */
public class Teller {
    private static final Logger log = LoggerFactory.getLogger("house.bourse.teller.TradeController");
    private static final Properties file = new Properties();
    private static final List<byte[]> cache = new ArrayList<>();
    private static int cached;
    private static HikariDataSource source;

    static String setting(String key) {
        String fromOutside = System.getenv(key.toUpperCase().replace('.', '_').replace("-", ""));
        return fromOutside != null ? fromOutside : file.getProperty(key);
    }

    public static void main(String[] words) throws Exception {
        try (FileReader reader = new FileReader(System.getenv("SPRING_CONFIG_LOCATION"))) {
            file.load(reader);
        }
        log.info("Starting Teller using Java {}", System.getProperty("java.version"));
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(setting("spring.datasource.url"));
        config.setUsername(setting("spring.datasource.username"));
        config.setPassword(Files.readString(Path.of(System.getenv("SPRING_DATASOURCE_PASSWORD_FILE"))).strip());
        config.setMaximumPoolSize(Integer.parseInt(setting("spring.datasource.hikari.maximum-pool-size")));
        config.setConnectionTimeout(Long.parseLong(setting("spring.datasource.hikari.connection-timeout")));
        config.setLeakDetectionThreshold(Long.parseLong(setting("spring.datasource.hikari.leak-detection-threshold")));
        source = new HikariDataSource(config);
        Thread.sleep(1000L * Long.parseLong(System.getenv("WARMUP_SECONDS")));
        startWorkers(Integer.parseInt(System.getenv("TRADE_THREADS")));
        HttpServer server = HttpServer.create(new InetSocketAddress(Integer.parseInt(setting("server.port"))), 64);
        server.setExecutor(Executors.newFixedThreadPool(16));
        server.createContext("/actuator/health", exchange -> answer(exchange, 200, "{\"status\":\"UP\"}\n"));
        server.createContext("/trade", exchange -> trade(exchange, 0.4));
        server.createContext("/report", exchange -> trade(exchange, 3.5));
        server.start();
        log.info("Teller started: listening on port {} (http)", setting("server.port"));
    }

    private static void startWorkers(int count) throws InterruptedException {
        CountDownLatch started = new CountDownLatch(count);
        for (int number = 0; number < count; number++) {
            Thread worker = new Thread(() -> {
                started.countDown();
                try {
                    Thread.sleep(Long.MAX_VALUE);
                } catch (InterruptedException end) {
                    Thread.currentThread().interrupt();
                }
            }, "trade-worker-" + number);
            worker.setDaemon(true);
            worker.start();
        }
        started.await();
        log.info("{} trade workers are waiting", count);
    }

    private static void trade(HttpExchange exchange, double seconds) {
        try {
            remember();
            try (Connection connection = source.getConnection(); var statement = connection.createStatement()) {
                statement.execute("SELECT pg_sleep(" + seconds + ")");
                statement.execute("INSERT INTO trades (cents) VALUES (4200)");
            }
            answer(exchange, 200, "traded\n");
        } catch (SQLException error) {
            log.error("Servlet.service() for servlet [dispatcherServlet] threw exception", error);
            answer(exchange, 500, "{\"status\":500,\"error\":\"Internal Server Error\",\"path\":\"/trade\"}\n");
        }
    }

    private static synchronized void remember() {
        if (cached < Integer.parseInt(System.getenv("TRADE_CACHE_MEGABYTES"))) {
            int piece = 8;
            byte[] pages = new byte[piece << 20];
            java.util.Arrays.fill(pages, (byte) 1);
            cache.add(pages);
            cached += piece;
        }
    }

    private static void answer(HttpExchange exchange, int status, String text) {
        try (exchange) {
            exchange.sendResponseHeaders(status, text.length());
            exchange.getResponseBody().write(text.getBytes());
        } catch (java.io.IOException gone) {
            log.debug("the client has gone", gone);
        }
    }
}
