package org.espalier.launcher.option;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.format.MetadataValue;
import org.espalier.runtime.tokenizer.TokenizerCompatibility;
import picocli.CommandLine.Option;

/** Which model, and how to read its metadata. */
public final class ModelFlags extends HubFlags {
  @Option(
      names = {"-m", "--model"},
      paramLabel = "FILE",
      description =
          "Model file (GGUF), or folder of a checkpoint. Default: the bundled demo model.")
  private Optional<Path> path = Optional.empty();

  @Option(
      names = "--override-kv",
      paramLabel = "KEY=TYPE:VALUE",
      converter = MetadataOverride.Converter.class,
      description =
          "Replaces a metadata entry; TYPE is int, float, bool or str. May be given several times.")
  private List<MetadataOverride> overrides = new ArrayList<>();

  @Option(
      names = "--tokenizer-compat",
      paramLabel = "WHOSE",
      converter = CompatibilityConverter.class,
      description = {
        "Where a file does not say how to tokenize: huggingface reads it as the model's authors"
            + " meant it, llama.cpp as llama.cpp does. Default: huggingface."
      })
  private TokenizerCompatibility compatibility = TokenizerCompatibility.HUGGING_FACE;

  @Option(
      names = "--exclude-provider",
      paramLabel = "NAME",
      description =
          "Leaves out a format, codec, architecture or backend, by its name or by its module's. May"
              + " be given several times.")
  private List<String> excluded = new ArrayList<>();

  /** The file; empty means the demo model. */
  public Optional<Path> path() {
    if (path.isPresent() && path.get().toString().isEmpty()) {
      throw new InvalidRequest("-m names no file: its value is empty");
    }
    return path;
  }

  /** Metadata that replace the file's. */
  public Map<String, MetadataValue> overrides() {
    Map<String, MetadataValue> entries = new LinkedHashMap<>();
    overrides.forEach(override -> entries.put(override.key(), override.value()));
    return entries;
  }

  /** How to read an incomplete vocabulary. */
  public TokenizerCompatibility compatibility() {
    return compatibility;
  }

  /** Providers to leave out. */
  public List<String> excluded() {
    return excluded;
  }
}
