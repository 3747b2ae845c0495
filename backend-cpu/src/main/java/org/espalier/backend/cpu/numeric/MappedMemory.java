package org.espalier.backend.cpu.numeric;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Vector loads from mapped files. When a file is truncated while it is mapped, reading a page that
 * is gone faults. HotSpot turns the fault into an {@link InternalError} if the compiled method in
 * which it occurs holds an ordinary access to native memory, and ends the process if it holds
 * vector loads only. So every method that loads vectors from a mapped file reads one byte in the
 * ordinary way.
 *
 * <p>What this cannot cover is the moment before such a method is compiled, when slower code calls
 * vector methods of the JDK that are compiled by themselves.
 */
public final class MappedMemory {
  private MappedMemory() {}

  /**
   * Reads a byte: to be called once, outside the loop with the vector loads. Behind it, a method
   * that is compiled while the loop runs has it too; in a method as large as C2 can take, it must
   * stand first to be inlined.
   *
   * @param offset where there is a byte
   */
  public static byte touch(MemorySegment memory, long offset) {
    return memory.get(ValueLayout.JAVA_BYTE, offset);
  }
}
