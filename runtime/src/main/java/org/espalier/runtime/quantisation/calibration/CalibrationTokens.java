package org.espalier.runtime.quantisation.calibration;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * The tokens that a model is calibrated on.
 *
 * @param sequences all of one length, at least one
 * @param dataSha256 of the file that they come from, as lower-case hex
 */
public record CalibrationTokens(List<int[]> sequences, String dataSha256) {
  /** Refuses an empty set and sequences of different lengths. */
  public CalibrationTokens {
    sequences = List.copyOf(sequences);
    if (sequences.isEmpty() || sequences.getFirst().length == 0) {
      throw new InvalidRequest("there are no tokens to calibrate on");
    }
    int length = sequences.getFirst().length;
    if (sequences.stream().anyMatch(sequence -> sequence.length != length)) {
      throw new IllegalArgumentException("sequences of different lengths");
    }
  }

  /** Tokens of each sequence. */
  public int length() {
    return sequences.getFirst().length;
  }

  /** All tokens. */
  public long count() {
    return (long) sequences.size() * length();
  }

  /**
   * Makes sure that every token is one of the model's.
   *
   * @throws InvalidRequest when one is not, or sequences are longer than the model's context
   */
  public void requireWithin(int vocabulary, int contextLength) {
    if (length() > contextLength) {
      throw new InvalidRequest(
          "the model was trained for contexts of %d tokens: choose a --length up to that, not %d"
              .formatted(contextLength, length()));
    }
    for (int i = 0; i < sequences.size(); i++) {
      for (int id : sequences.get(i)) {
        if (id < 0 || id >= vocabulary) {
          throw new InvalidRequest(
              "token %d in calibration sequence %d is outside the vocabulary of %d"
                  .formatted(id, i, vocabulary));
        }
      }
    }
  }

  /** SHA-256 of the ids and the length, as lower-case hex: equal for equal sequences. */
  public String sha256() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      ByteBuffer bytes = ByteBuffer.allocate(length() * Integer.BYTES);
      digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, length()));
      for (int[] sequence : sequences) {
        bytes.clear();
        bytes.asIntBuffer().put(sequence);
        digest.update(bytes);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
