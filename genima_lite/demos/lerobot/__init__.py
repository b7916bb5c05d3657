"""LeRobot's datasets, format v3: written from RLBench's layout, and read into it.

    meta/info.json  meta/stats.json  meta/tasks.parquet
    meta/episodes/chunk-000/file-000.parquet        one row an episode: where it lies
    data/chunk-000/file-000.parquet                 one row a frame, many episodes a file
    videos/<feature>/chunk-000/file-000.mp4         unless pictures are PNG, in the rows
    rlbench/episode-000000.{json,parquet}           ours: what the format has no place for

LeRobot itself is not needed, only its formats; `tests/test_lerobot.py` loads what is written here
with LeRobot's own class.
"""
