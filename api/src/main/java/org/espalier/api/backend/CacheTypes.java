package org.espalier.api.backend;

import java.util.Optional;
import org.espalier.api.tensor.ElementType;

/**
 * In what forms a session keeps keys and values.
 *
 * @param keys after norm and rotary embedding
 * @param values as they are
 */
public record CacheTypes(CacheType keys, CacheType values) {

  /** The same for both. */
  public static CacheTypes both(CacheType type) {
    return new CacheTypes(type, type);
  }

  /** What fits a precision, where nobody says otherwise. */
  public static CacheTypes of(Precision precision) {
    return both(
        switch (precision) {
          case EXACT -> CacheType.F32;
          case FAST -> CacheType.F16;
        });
  }

  /** The type of elements, where keys and values have the same. */
  public Optional<ElementType> element() {
    return keys == values ? keys.element() : Optional.empty();
  }

  /** Bytes of a key and a value of one head at one position. */
  public long bytes(int dimension) {
    return keys.bytes(dimension) + values.bytes(dimension);
  }

  @Override
  public String toString() {
    return keys == values ? keys.toString() : keys + " keys and " + values + " values";
  }
}
