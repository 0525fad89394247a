import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Settles all trades every three seconds, at the rates of the house. */
public class Settle {
    private static final Logger log = LoggerFactory.getLogger("house.bourse.settle.SettlementJob");
    private static long runs;

    public static void main(String[] words) {
        HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(3)).build();
        var scheduler = Executors.newSingleThreadScheduledExecutor(work -> new Thread(work, "scheduling-1"));
        scheduler.scheduleWithFixedDelay(() -> settle(client), 0, 3, TimeUnit.SECONDS);
        log.info("settlement is scheduled");
    }

    private static void settle(HttpClient client) {
        try {
            var request = HttpRequest.newBuilder(URI.create(System.getenv("RATES_URL"))).timeout(Duration.ofSeconds(5)).build();
            int status = client.send(request, BodyHandlers.ofString()).statusCode();
            if (status != 200) {
                throw new IllegalStateException("rates: " + status);
            }
            String secret = Files.readString(Path.of(System.getenv("SPRING_DATASOURCE_PASSWORD_FILE"))).strip();
            String url = System.getenv("SPRING_DATASOURCE_URL");
            try (Connection connection = DriverManager.getConnection(url, System.getenv("SPRING_DATASOURCE_USERNAME"), secret);
                    var statement = connection.createStatement()) {
                int settled = statement.executeUpdate("UPDATE trades SET settled = true WHERE NOT settled");
                Files.writeString(Path.of("/tmp/settled"), "last run\n");
                if (runs++ % 5 == 0) {
                    log.info("settled {} trades", settled);
                }
            }
        } catch (Exception error) {
            log.error("Unexpected error occurred in scheduled task", new RuntimeException("settlement was put off", error));
        }
    }
}
