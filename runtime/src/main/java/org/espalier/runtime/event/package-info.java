/** Events for the JDK's Flight Recorder. */
@NullMarked
package org.espalier.runtime.event;

import org.jspecify.annotations.NullMarked;
