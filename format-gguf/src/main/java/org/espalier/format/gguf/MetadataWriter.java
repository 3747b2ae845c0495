package org.espalier.format.gguf;

import static org.espalier.format.gguf.GgufInput.quoted;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.Flag;
import org.espalier.api.format.MetadataValue.Flags;
import org.espalier.api.format.MetadataValue.Nested;
import org.espalier.api.format.MetadataValue.Real;
import org.espalier.api.format.MetadataValue.RealType;
import org.espalier.api.format.MetadataValue.Reals;
import org.espalier.api.format.MetadataValue.Text;
import org.espalier.api.format.MetadataValue.Texts;
import org.espalier.api.format.MetadataValue.Whole;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.format.MetadataValue.Wholes;

/** Writes the key–value part with the exact types of the values; refuses what does not fit them. */
final class MetadataWriter {
  private final GgufOutput output;
  private long values;

  MetadataWriter(GgufOutput output) {
    this.output = output;
  }

  /** Writes all entries; their number stands elsewhere. */
  void write(Metadata metadata) throws IOException {
    long start = output.position();
    for (var entry : metadata.entries().entrySet()) {
      entry(entry.getKey(), entry.getValue());
      long size = output.position() - start;
      if (size > MetadataReader.MAX_BYTES || values > MetadataReader.MAX_VALUES) {
        throw new InvalidRequest(
            "with key %s the metadata grows beyond what a reader takes, %d bytes and %d values"
                .formatted(
                    quoted(entry.getKey()), MetadataReader.MAX_BYTES, MetadataReader.MAX_VALUES));
      }
    }
  }

  private void entry(String key, MetadataValue value) throws IOException {
    ByteBuffer name = utf8(key, "metadata key " + quoted(key));
    if (name.remaining() > MetadataReader.MAX_KEY_BYTES) {
      throw new InvalidRequest(
          "metadata key %s has %d bytes, more than the %d allowed"
              .formatted(quoted(key), name.remaining(), MetadataReader.MAX_KEY_BYTES));
    }
    output.text(name);
    String what = "the value of metadata key " + quoted(key);
    switch (value) {
      case Text(String text) -> {
        type(ValueType.STRING);
        text(text, what);
      }
      case Whole(WholeType type, long number) -> {
        type(ValueType.of(type));
        whole(type, number, what);
      }
      case Real(RealType type, double number) -> {
        type(ValueType.of(type));
        real(type, number);
      }
      case Flag(boolean flag) -> {
        type(ValueType.BOOL);
        flag(flag);
      }
      case Texts _, Wholes _, Reals _, Flags _, Nested _ -> {
        type(ValueType.ARRAY);
        array(value, what, 1);
      }
    }
    values++;
  }

  private void array(MetadataValue value, String what, int depth) throws IOException {
    if (depth > MetadataReader.MAX_DEPTH) {
      throw new InvalidRequest(
          "%s nests arrays more than %d deep".formatted(what, MetadataReader.MAX_DEPTH));
    }
    switch (value) {
      case Texts(List<String> texts) -> {
        header(ValueType.STRING, texts.size());
        for (String text : texts) {
          text(text, what);
        }
      }
      case Wholes(WholeType type, List<Long> numbers) -> {
        header(ValueType.of(type), numbers.size());
        for (long number : numbers) {
          whole(type, number, what);
        }
      }
      case Reals(RealType type, List<Double> numbers) -> {
        header(ValueType.of(type), numbers.size());
        for (double number : numbers) {
          real(type, number);
        }
      }
      case Flags(List<Boolean> flags) -> {
        header(ValueType.BOOL, flags.size());
        for (boolean flag : flags) {
          flag(flag);
        }
      }
      case Nested(List<MetadataValue> arrays) -> {
        header(ValueType.ARRAY, arrays.size());
        for (MetadataValue array : arrays) {
          array(array, what, depth + 1);
        }
      }
      case Text _, Whole _, Real _, Flag _ ->
          throw new InvalidRequest(what + " mixes arrays with single values");
    }
  }

  private void type(ValueType type) throws IOException {
    output.int32(type.code());
  }

  private void header(ValueType type, int count) throws IOException {
    type(type);
    output.int64(count);
    values += count + 1L;
  }

  private void whole(WholeType type, long value, String what) throws IOException {
    boolean fits =
        switch (type) {
          case UINT8 -> value == (value & 0xFF);
          case INT8 -> value == (byte) value;
          case UINT16 -> value == (value & 0xFFFF);
          case INT16 -> value == (short) value;
          case UINT32 -> value == (value & 0xFFFF_FFFFL);
          case INT32 -> value == (int) value;
          case UINT64, INT64 -> true;
        };
    if (!fits) {
      throw new InvalidRequest("%s, %d, does not fit its type %s".formatted(what, value, type));
    }
    switch (type) {
      case UINT8, INT8 -> output.int8((int) value);
      case UINT16, INT16 -> output.int16((int) value);
      case UINT32, INT32 -> output.int32((int) value);
      case UINT64, INT64 -> output.int64(value);
    }
  }

  private void real(RealType type, double value) throws IOException {
    switch (type) {
      case FLOAT32 -> output.int32(Float.floatToRawIntBits((float) value));
      case FLOAT64 -> output.int64(Double.doubleToRawLongBits(value));
    }
  }

  private void flag(boolean value) throws IOException {
    output.int8(value ? 1 : 0);
  }

  private void text(String value, String what) throws IOException {
    output.text(utf8(value, what));
  }

  /** The bytes of a text; refuses half surrogate pairs, which have none. */
  static ByteBuffer utf8(String text, String what) {
    try {
      return StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
    } catch (CharacterCodingException e) {
      throw new InvalidRequest(what + " has no UTF-8 form: it contains half a surrogate pair");
    }
  }
}
