package org.espalier.launcher.option;

import java.nio.file.Path;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.downloads.HubSettings;
import org.espalier.downloads.ModelName;
import picocli.CommandLine.Option;

/** A model by its name on the Hugging Face Hub. */
public class HubFlags {
  @Option(
      names = {"-hf", "-hfr", "--hf-repo"},
      paramLabel = "USER/MODEL[:FILE]",
      description = {
        "Model by its name on the Hugging Face Hub: downloaded once, then kept. Of FILE a part that"
            + " only one file has will do."
      })
  private Optional<String> name = Optional.empty();

  @Option(
      names = {"-hff", "--hf-file"},
      paramLabel = "FILE",
      description = "The file of -hf, where that does not name it.")
  private Optional<String> file = Optional.empty();

  @Option(
      names = "--offline",
      description = "Takes -hf from the cache, without asking the hub for news.")
  private boolean offline;

  @Option(
      names = "--model-cache",
      paramLabel = "FOLDER",
      description = {
        "Where downloads are kept. Default: $$ESPALIER_CACHE, or espalier in the user's cache folder."
      })
  private Optional<Path> cache = Optional.empty();

  /** The model, where it was given by name. */
  public Optional<ModelName> name() {
    if (name.isEmpty() && file.isPresent()) {
      throw new InvalidRequest("-hff names a file of a repository: give that too, with -hf");
    }
    return name.map(ModelName::parse).map(parsed -> file.map(parsed::withFile).orElse(parsed));
  }

  /** The model as a file or by name, not both. */
  public Optional<ModelName> nameInsteadOf(Optional<Path> path) {
    if (name.isPresent() && path.isPresent()) {
      throw new InvalidRequest("both -m and -hf were given: give one of them");
    }
    return name();
  }

  /** Where models come from and go. */
  public HubSettings settings() {
    HubSettings settings =
        HubSettings.of(System.getenv(), Path.of(System.getProperty("user.home", "")));
    HubSettings placed = cache.map(settings::withCache).orElse(settings);
    return offline ? placed.withoutNetwork() : placed;
  }
}
