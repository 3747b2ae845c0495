package org.espalier.datasets;

import java.util.Arrays;
import java.util.StringJoiner;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.runtime.tokenizer.Tokenizer;

/** The text of a file, for measurements that want one long text. */
public final class Corpus {
  /** What can be encoded at once. */
  private static final int MOST_CHARACTERS = 1 << 27;

  private Corpus() {}

  /**
   * The tokens of a file.
   *
   * @param encoding of a whole text; single documents are always encoded as they are
   * @param notices receives sentences that a user should read
   */
  public static int[] tokens(
      DataFile file,
      CorpusOptions options,
      Tokenizer tokenizer,
      BiFunction<Tokenizer, String, int[]> encoding,
      Consumer<String> notices) {
    int[] tokens =
        options.eachDocument()
            ? documents(file, options, tokenizer)
            : encoding.apply(tokenizer, text(file, options, notices));
    return options.mostTokens() > 0 && options.mostTokens() < tokens.length
        ? Arrays.copyOf(tokens, options.mostTokens())
        : tokens;
  }

  /** The text of a file: a plain one as it is, rows joined. */
  static String text(DataFile file, CorpusOptions options, Consumer<String> notices) {
    if (file.kind() == DataKind.TEXT) {
      String text = file.text(notices);
      return options.wikiTextRows() ? wikiText(text, options.join()) : text;
    }
    if (options.wikiTextRows()) {
      throw new InvalidRequest(
          file.path() + " has rows already: --wikitext-rows is for plain text files");
    }
    StringJoiner joined = new StringJoiner(options.join());
    file.rows(row -> {
      joined.add(row.text(options.field()));
      if (joined.length() > MOST_CHARACTERS) {
        throw new InvalidRequest(
            file.path()
                + " holds too much text for one: --each-document encodes row by row, and --tokens"
                + " says where to stop");
      }
      return true;
    });
    return joined.toString();
  }

  private static String wikiText(String text, String join) {
    return text.lines()
        .map(line -> line.isBlank() ? "" : line + "\n")
        .collect(Collectors.joining(join));
  }

  private static int[] documents(DataFile file, CorpusOptions options, Tokenizer tokenizer) {
    if (file.kind() == DataKind.TEXT) {
      throw new InvalidRequest(
          file.path() + " is one text: documents come from files of rows (.jsonl, Parquet)");
    }
    Tokens tokens = new Tokens();
    file.rows(row -> {
      tokens.add(tokenizer.encode(row.text(options.field()), false));
      return options.mostTokens() == 0 || tokens.count < options.mostTokens();
    });
    return tokens.toArray();
  }

  /** A growing sequence. */
  private static final class Tokens {
    private int[] ids = new int[1024];
    private int count;

    void add(int[] more) {
      if (ids.length - count < more.length) {
        ids = Arrays.copyOf(ids, Math.addExact(2 * count, more.length));
      }
      System.arraycopy(more, 0, ids, count, more.length);
      count += more.length;
    }

    int[] toArray() {
      return Arrays.copyOf(ids, count);
    }
  }
}
