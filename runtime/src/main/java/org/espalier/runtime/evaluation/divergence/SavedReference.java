package org.espalier.runtime.evaluation.divergence;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.runtime.Model;

/** Predictions of a reference that an earlier comparison has saved. */
public final class SavedReference {
  private final Path path;
  private final ReferenceHeader header;

  private SavedReference(Path path, ReferenceHeader header) {
    this.path = path;
    this.header = header;
  }

  /** Whether a file begins as one of these does. */
  public static boolean is(Path path) {
    try (FileChannel channel = FileChannel.open(path)) {
      ByteBuffer head = ByteBuffer.allocate(ReferenceHeader.MAGIC.length);
      while (head.hasRemaining() && channel.read(head) >= 0) {
        // reads on
      }
      return head.flip().equals(ByteBuffer.wrap(ReferenceHeader.MAGIC));
    } catch (IOException _) {
      return false;
    }
  }

  /**
   * Reads what is saved there, not yet the predictions.
   *
   * @throws org.espalier.api.EspalierException.MalformedData when the file is damaged
   */
  public static SavedReference open(Path path) {
    try (FileChannel channel = FileChannel.open(path)) {
      ByteBuffer bytes = ByteBuffer.allocate(ReferenceHeader.BYTES);
      while (bytes.hasRemaining() && channel.read(bytes) >= 0) {
        // reads on
      }
      return new SavedReference(path, ReferenceHeader.decode(bytes.clear(), path, channel.size()));
    } catch (IOException e) {
      throw new DeviceFailure("%s cannot be read (%s)".formatted(path, e.getMessage()), e);
    }
  }

  /** Where it is. */
  public Path path() {
    return path;
  }

  /** Name of the model that made the predictions. */
  public String model() {
    return header.model();
  }

  /** Likeliest tokens that are saved of every position. */
  public int topTokens() {
    return header.topTokens();
  }

  /** Tokens per window. */
  public int window() {
    return header.window();
  }

  int windows() {
    return header.windows();
  }

  /**
   * Over how many tokens probabilities sum to 1, when the model and the text are the right ones.
   */
  int commonTokens(Model model, int[] tokens) {
    CommonTokens.requireSame(model, header.tokenizer(), path.getFileName().toString());
    if (CommonTokens.known(model) < header.commonTokens()) {
      throw new InvalidRequest(
          "%s was saved over %d tokens, and this model knows only %d"
              .formatted(path, header.commonTokens(), CommonTokens.known(model)));
    }
    int count = Math.toIntExact(header.positions());
    if (tokens.length < count || !ReferenceHeader.hash(tokens, count).equals(header.tokensHash())) {
      throw new InvalidRequest(path + " was saved over another text than this one");
    }
    return header.commonTokens();
  }

  ReferenceRows rows(int commonTokens, int slots) throws IOException {
    return new SavedRows(path, header, commonTokens, slots);
  }
}
