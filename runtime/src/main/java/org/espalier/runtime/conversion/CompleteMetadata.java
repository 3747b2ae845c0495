package org.espalier.runtime.conversion;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.model.ModelContent;

/**
 * What a new model file says about its model: the architecture's own keys, and of the source's keys
 * all {@code tokenizer.} and {@code general.} ones.
 */
public final class CompleteMetadata {
  /** Keys that say how a very file is stored. */
  private static final Set<String> OF_THE_FILE =
      Set.of(
          "general.architecture",
          "general.alignment",
          "general.file_type",
          "general.quantization_version");

  private CompleteMetadata() {}

  /**
   * Puts them together.
   *
   * @param source of the file that the model comes from
   * @param name of the model; the source's where empty
   * @param fileType the number that GGUF files give to the type of the whole model
   */
  public static Metadata of(
      Metadata source, ModelContent content, Optional<String> name, int fileType) {
    Map<String, MetadataValue> entries = new LinkedHashMap<>();
    MetadataValue architecture = content.metadata().entries().get("general.architecture");
    if (architecture != null) {
      entries.put("general.architecture", architecture);
    }
    entries.put("general.type", new MetadataValue.Text("model"));
    copy(source, "general.", entries);
    name.ifPresent(text -> entries.put("general.name", new MetadataValue.Text(text)));
    entries.putAll(content.metadata().entries());
    entries.put("general.file_type", whole(fileType));
    entries.put("general.quantization_version", whole(2));
    copy(source, "tokenizer.", entries);
    return new Metadata(entries);
  }

  private static void copy(Metadata source, String prefix, Map<String, MetadataValue> entries) {
    source
        .entries()
        .forEach((key, value) -> {
          if (key.startsWith(prefix) && !OF_THE_FILE.contains(key)) {
            entries.put(key, value);
          }
        });
  }

  private static MetadataValue whole(int value) {
    return new MetadataValue.Whole(WholeType.UINT32, value);
  }
}
