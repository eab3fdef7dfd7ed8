"""Writes claims-*.bin beside itself: torch archives, made by hand, of one tensor each whose shape and strides
claim what torch.save never writes."""
import io, struct, zipfile
from pathlib import Path

HERE = Path(__file__).parent
CASES = {'stride': ([32, 1], [2, 2**63 - 1]), 'rows': ([1 << 62, 0], [0, 1]),
         'columns': ([0, 1 << 62], [1, 0])}


def archive(shape, strides, count=64):
    text = lambda x: b'X' + struct.pack('<I', len(x.encode())) + x.encode()
    number = lambda n: b'\x8a\x08' + struct.pack('<q', n)
    pickle = (b'\x80\x02ccollections\nOrderedDict\n)R(' + text('a')
              + b'ctorch._utils\n_rebuild_tensor_v2\n((' + text('storage')
              + b'ctorch\nFloatStorage\n' + text('0') + text('cpu') + number(count) + b'tQ'
              + number(0) + b'(' + b''.join(map(number, shape)) + b't('
              + b''.join(map(number, strides)) + b't\x89ccollections\nOrderedDict\n)RtRu.')
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as out:
        out.writestr('archive/data.pkl', pickle)
        out.writestr('archive/data/0', struct.pack(f'<{count}f', *range(count)))
    return file.getvalue()


for name, (shape, strides) in CASES.items():
    (HERE / f'claims-{name}.bin').write_bytes(archive(shape, strides))
