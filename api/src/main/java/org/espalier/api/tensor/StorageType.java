package org.espalier.api.tensor;

/** How a file says that a tensor's numbers are stored. */
public sealed interface StorageType {

  /** One element after another. */
  record Plain(ElementType element) implements StorageType {
    @Override
    public String toString() {
      return element.name();
    }
  }

  /**
   * Something only a codec understands. A code alone is never enough to recognise it: different
   * projects have given one number to different types.
   *
   * @param namespace who assigned the code, such as {@code "ggml"}
   * @param code the number in the file
   * @param name a name for people, such as {@code "Q4_K"} or {@code "type 41"}
   */
  record Block(String namespace, int code, String name) implements StorageType {
    @Override
    public String toString() {
      return name;
    }
  }
}
