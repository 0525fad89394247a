import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The waiters: carry every dish to its table. */
public class Sala {
    private static final Logger log = LoggerFactory.getLogger("trattoria.sala.Camerieri");

    public static void main(String[] parole) throws Exception {
        Properties impostazioni = new Properties();
        impostazioni.put("bootstrap.servers", System.getenv("KAFKA_BOOTSTRAP_SERVERS"));
        impostazioni.put("group.id", System.getenv("GRUPPO"));
        impostazioni.put("auto.offset.reset", "earliest");
        impostazioni.put("key.deserializer", StringDeserializer.class.getName());
        impostazioni.put("value.deserializer", StringDeserializer.class.getName());
        long serviti = 0;
        try (KafkaConsumer<String, String> consumatore = new KafkaConsumer<>(impostazioni)) {
            consumatore.subscribe(List.of(System.getenv("ARGOMENTO_PIATTI")));
            log.info("camerieri pronti");
            while (true) {
                ConsumerRecords<String, String> piatti = consumatore.poll(Duration.ofSeconds(1));
                Files.writeString(Path.of("/tmp/vivo"), "");
                if (!piatti.isEmpty()) {
                    if (serviti / 30 != (serviti + piatti.count()) / 30) {
                        log.info("{} piatti serviti", serviti);
                    }
                    serviti += piatti.count();
                    Files.writeString(Path.of("/tmp/serviti"), serviti + "\n");
                }
            }
        }
    }
}
