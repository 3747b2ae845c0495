import java.nio.file.Path;
import org.espalier.Espalier;
import org.espalier.LanguageModel;
import org.espalier.downloads.DownloadListener;
import org.espalier.downloads.Hub;
import org.espalier.downloads.HubSettings;
import org.espalier.downloads.ModelName;
import org.espalier.downloads.Wanted;

/** Opens a model by its name: <code>java -p MODULES --add-modules org.espalier.launcher ByName.java</code>. */
void main() {
  Hub hub = new Hub(HubSettings.of(System.getenv(), Path.of(System.getProperty("user.home"))));
  Path file = hub.fetch(ModelName.parse("user/model:file.gguf"), Wanted.MODEL_FILE, DownloadListener.NONE);
  try (LanguageModel model = Espalier.open(file)) {
    IO.println("context of %d tokens".formatted(model.contextLength()));
  }
}
