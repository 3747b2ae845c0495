package org.espalier.downloads;

import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * Which files a name means.
 *
 * @param files of the repository
 * @param checkpoint whether they are opened together, as a folder
 */
record Selection(List<String> files, boolean checkpoint) {
  private static final String MODEL_FILE = ".gguf";
  private static final String WEIGHTS = ".safetensors";

  /** What belongs to a checkpoint; in the repository's top folder only. */
  private static final Pattern CHECKPOINT_FILE =
      Pattern.compile("[^/]+\\.(safetensors|json|jinja)|merges\\.txt");

  Selection {
    files = List.copyOf(files);
  }

  /**
   * Chooses among the files that there are.
   *
   * @param where they are, for the sentence that refuses
   */
  static Selection of(ModelName name, Wanted wanted, List<String> there, String where) {
    if (name.file().isPresent()) {
      return new Selection(List.of(named(name, name.file().get(), there, where)), false);
    }
    List<String> models = there.stream().filter(file -> lower(file).endsWith(MODEL_FILE)).toList();
    List<String> checkpoint =
        there.stream().filter(file -> CHECKPOINT_FILE.matcher(file).matches()).toList();
    boolean isCheckpoint = checkpoint.stream().anyMatch(file -> file.endsWith(WEIGHTS));
    if (isCheckpoint && (wanted == Wanted.CHECKPOINT || models.isEmpty())) {
      return new Selection(checkpoint, true);
    }
    return switch (models.size()) {
      case 0 ->
          throw new InvalidRequest(
              "%s has neither a GGUF file nor safetensors%s".formatted(name.repository(), where));
      case 1 -> new Selection(models, false);
      default ->
          throw new InvalidRequest(
              "%s has several models: say which, as %s:%s; there are %s"
                  .formatted(
                      name.repository(), name.repository(), models.getFirst(), list(models)));
    };
  }

  private static String named(ModelName name, String wanted, List<String> there, String where) {
    if (there.contains(wanted)) {
      return wanted;
    }
    List<String> like =
        there.stream()
            .filter(file -> lower(file).endsWith(MODEL_FILE))
            .filter(file -> lower(file).contains(lower(wanted)))
            .toList();
    if (like.size() == 1) {
      return like.getFirst();
    }
    String reason = like.isEmpty() ? "no file" : "several files";
    throw new InvalidRequest(
        "%s has %s like '%s'%s; there are %s"
            .formatted(
                name.repository(), reason, wanted, where, list(like.isEmpty() ? there : like)));
  }

  private static String list(List<String> files) {
    int shown = Math.min(files.size(), 12);
    String names = String.join(", ", files.subList(0, shown));
    return files.isEmpty() ? "none" : names + (shown < files.size() ? ", …" : "");
  }

  private static String lower(String text) {
    return text.toLowerCase(Locale.ROOT);
  }
}
