package org.espalier.datasets;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Consumer;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.runtime.quantisation.calibration.CalibrationTokens;
import org.espalier.runtime.tokenizer.Tokenizer;

/**
 * Sequences of tokens to calibrate on: documents put together, an end-of-text token after each, and
 * cut into equal sequences. What does not fill a sequence is left out.
 *
 * @param field of each row that holds the text; for files of rows
 * @param sequences at most
 * @param length of each
 */
public record CalibrationData(String field, int sequences, int length) {

  /**
   * Reads a file: a text, in which the literal text of the end-of-text token separates documents;
   * rows, each a document; or ids in a file of NumPy's format ({@code .npy}), of one dimension, cut
   * as above, or of two, a sequence per row.
   *
   * @param notices receives sentences that a user should read
   * @throws InvalidRequest when there are not enough tokens for one sequence
   */
  public CalibrationTokens read(Path path, Tokenizer tokenizer, Consumer<String> notices) {
    DataFile file = DataFile.open(path);
    List<int[]> found =
        NumpyIds.isNumpy(path)
            ? NumpyIds.read(path).sequences(sequences, length, path)
            : cut(documents(file, tokenizer, notices));
    if (found.isEmpty()) {
      throw new InvalidRequest(
          "%s has too few tokens for one sequence of %d".formatted(path, length));
    }
    if (found.size() < sequences) {
      notices.accept(
          "%s fills %d sequences of %d tokens, not %d"
              .formatted(path, found.size(), length, sequences));
    }
    return new CalibrationTokens(found, file.sha256());
  }

  private List<int[]> cut(TokenBuffer tokens) {
    List<int[]> found = new ArrayList<>();
    for (int i = 0; i < sequences && (long) (i + 1) * length <= tokens.count(); i++) {
      found.add(Arrays.copyOfRange(tokens.ids(), i * length, (i + 1) * length));
    }
    return found;
  }

  private TokenBuffer documents(DataFile file, Tokenizer tokenizer, Consumer<String> notices) {
    TokenBuffer tokens = new TokenBuffer(Math.multiplyExact(sequences, length));
    OptionalInt end = tokenizer.endOfText();
    if (end.isEmpty()) {
      notices.accept("the tokenizer has no end-of-text token: documents follow each other as is");
    }
    if (file.kind() == DataKind.TEXT) {
      String text = file.text(notices);
      String separator = end.isPresent() ? tokenizer.name(end.getAsInt()) : "";
      for (int from = 0; from < text.length() && !tokens.isFull(); ) {
        int to = separator.isEmpty() ? -1 : text.indexOf(separator, from);
        tokens.add(tokenizer.encode(text.substring(from, to < 0 ? text.length() : to), false));
        from = to < 0 ? text.length() : to + separator.length();
        if (to >= 0) {
          tokens.add(end);
        }
      }
      return tokens;
    }
    file.rows(row -> {
      tokens.add(tokenizer.encode(row.text(field), false));
      tokens.add(end);
      return !tokens.isFull();
    });
    return tokens;
  }

  /** A sequence that grows until it has all that is wanted. */
  private static final class TokenBuffer {
    private final int wanted;
    private int[] ids = new int[1024];
    private int count;

    TokenBuffer(int wanted) {
      this.wanted = wanted;
    }

    boolean isFull() {
      return count >= wanted;
    }

    int count() {
      return count;
    }

    int[] ids() {
      return ids;
    }

    void add(OptionalInt id) {
      if (id.isPresent()) {
        add(new int[] {id.getAsInt()});
      }
    }

    void add(int[] more) {
      if (ids.length - count < more.length) {
        ids = Arrays.copyOf(ids, Math.addExact(Math.addExact(count, count), more.length));
      }
      System.arraycopy(more, 0, ids, count, more.length);
      count += more.length;
    }
  }
}
